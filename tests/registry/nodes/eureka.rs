//! Eureka's API of several servers: what one acknowledged, the others know before they answer 404.

use serde_json::json;

use super::database::Database;
use super::node::node_with;
use crate::consul::send_text;
use crate::eureka::address_of;
use crate::serve::wait_until;

#[test]
fn a_heartbeat_finds_what_another_server_registered_and_replies_say_that_they_are_stale() {
    let database = Database::start();
    let url = database.create();
    let nodes = ["a", "b"].map(|name| node_with(&url, name, &["--eureka", "127.0.0.1:0"]));
    let [first, second] = nodes.each_ref().map(address_of);
    for number in 0..20 {
        let instance = json!({ "instanceId": format!("i{number}"), "app": "WEB", "ipAddr": "10.0.0.1", "port": 80 });
        let body = json!({ "instance": instance }).to_string();
        let json = "Content-Type: application/json\r\n";
        assert_eq!(send_text(first, "POST", "/eureka/apps/WEB", json, &body).status, 204);
        // It follows at once: a 404 would make the client register again.
        let path = format!("/eureka/apps/WEB/i{number}");
        let reply = send_text(second, "PUT", &path, "", "");
        assert_eq!(reply.status, 200, "{}", reply.text());
        let reply = send_text(second, "PUT", &format!("{path}/metadata?zone=b"), "", "");
        assert_eq!(reply.status, 200, "{}", reply.text());
    }

    let is_stale = || send_text(second, "GET", "/eureka/apps", "", "").header("x-portolan-stale").is_some();
    wait_until(|| !is_stale());
    database.pause();
    wait_until(is_stale);
    assert_eq!(send_text(second, "PUT", "/eureka/apps/WEB/unknown", "", "").status, 503, "it may exist");
    database.resume();
    wait_until(|| !is_stale());
}
