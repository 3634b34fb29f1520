//! `--diff`: ports that opened, closed or changed since an earlier scan.

use std::fs;

use serde_json::Value;

use crate::support::{Fixture, Outcome, Scene};
use crate::wired;

fn scan(scene: &Scene, words: &str) -> Outcome {
    let file = scene.dir().join("before.json");
    scene.scan().args(&words.replace("FILE", file.to_str().unwrap())).run()
}

/// Two ports are open, and known; then one of them closes, and another opens.
fn changed(how: &str) -> (Scene, [Fixture; 2]) {
    let scene = Scene::new();
    let stays = scene.fixture("tcp=127.0.0.1:22");
    let goes = scene.fixture("tcp=127.0.0.1:8080");
    assert_eq!(scan(&scene, &format!("127.0.0.1-2 -p 22,80,8080 {how}=FILE")).code, Some(0));
    goes.end();
    let comes = scene.fixture("tcp=127.0.0.2:80");
    (scene, [stays, comes])
}

#[test]
fn only_opened_and_closed_ports_are_reported() {
    for how in ["-o json", "-o ndjson"] {
        let (scene, _fixtures) = changed(how);
        let same = scan(&scene, "127.0.0.1-2 -p 22,80,8080 --diff FILE --fail-changed");
        assert_eq!(same.text(), "+ tcp 127.0.0.2:80  http\n- tcp 127.0.0.1:8080  http-alt\n", "{}", same.stderr);
        assert_eq!(same.code, Some(1), "{}", same.stderr);
        assert!(same.stderr.contains("1 opened, 1 closed, 0 changed\n"), "{}", same.stderr);
        let names = scan(&scene, "127.0.0.1-2 -p 22,80,8080 --diff FILE -o name");
        assert_eq!(
            (names.code, names.text()),
            (Some(0), "added scan/tcp/127.0.0.2:80\nremoved scan/tcp/127.0.0.1:8080\n")
        );
        let json = scan(&scene, "127.0.0.1-2 -p 22,80,8080 --diff FILE --json");
        let lines: Vec<Value> = json.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let told: Vec<_> =
            lines.iter().map(|line| (&line["index"], &line["type"], &line["item"]["endpoints"][0]["port"])).collect();
        assert_eq!(told, [(&1.into(), &"added".into(), &80.into()), (&2.into(), &"removed".into(), &8080.into())]);
        assert_eq!(lines[0]["source"], "scan");
    }
}

/// Lists a stored scan: AFTER and FILE are the documents of the scene.
fn stored(scene: &Scene, words: &str) -> Outcome {
    let [before, after] = ["before.json", "after.json"].map(|name| scene.dir().join(name).display().to_string());
    scene.file().args(&words.replace("FILE", &before).replace("AFTER", &after)).run()
}

/// Scans into AFTER.
fn keep(scene: &Scene, words: &str) {
    let after = scene.dir().join("after.json");
    let kept = scene.scan().args(words).arg("-o").arg(&format!("json={}", after.display())).run();
    assert_eq!(kept.code, Some(0), "{}", kept.stderr);
}

#[test]
fn two_stored_scans_are_compared() {
    let (scene, _fixtures) = changed("-o json");
    keep(&scene, "127.0.0.1-2 -p 22,80,8080");
    let listed = stored(&scene, "AFTER --columns address,state --no-headers");
    assert_eq!(listed.text(), "127.0.0.1:22  open\n127.0.0.2:80  open\n", "{}", listed.stderr);
    // The page does not say what the document does not: the end, and hosts without a reply.
    let page = stored(&scene, "AFTER -o html");
    assert!(
        page.text().contains("<dd>2 scanned</dd>") && !page.text().contains("</time> to <time>"),
        "{}",
        page.text()
    );
    let diff = stored(&scene, "AFTER --diff FILE --fail-changed");
    assert_eq!(diff.text(), "+ tcp 127.0.0.2:80  http\n- tcp 127.0.0.1:8080  http-alt\n", "{}", diff.stderr);
    assert_eq!(diff.code, Some(1), "{}", diff.stderr);
    assert!(diff.stderr.contains("1 opened, 1 closed, 0 changed\n"), "{}", diff.stderr);

    // What one of them did not scan is no difference.
    keep(&scene, "127.0.0.2 -p 22,80");
    let fewer = stored(&scene, "AFTER --diff FILE");
    assert_eq!(fewer.text(), "+ tcp 127.0.0.2:80  http\n", "{}", fewer.stderr);
    assert!(fewer.stderr.contains("2 items of the earlier result not covered by this run"), "{}", fewer.stderr);
    let more = stored(&scene, "FILE --diff AFTER");
    assert_eq!(more.text(), "- tcp 127.0.0.2:80  http\n", "{}", more.stderr);
    assert!(more.stderr.contains("2 services not covered by the earlier result; ignored\n"), "{}", more.stderr);

    let refused = stored(&scene, "AFTER --validate");
    let why = "error: cannot use --validate: the file is a stored listing";
    assert!(refused.code == Some(2) && refused.stderr.starts_with(why), "{}", refused.stderr);
}

/// A packet filter hides what was open: the port is not called closed, by a scan or by its document.
#[test]
fn a_port_that_became_silent_is_not_reported_as_closed() {
    let (here, there) = wired();
    let _fixture = there.fixture("tcp=0.0.0.0:22 tcp=0.0.0.0:80");
    assert_eq!(scan(&here, "10.77.0.2 -p 22-23,80 -o json=FILE").code, Some(0));
    there.sh("nft 'add table inet t; add chain inet t c { type filter hook input priority 0; }; \
              add rule inet t c tcp dport 22 drop'");

    let quick = "10.77.0.2 -p 22-23,80 --retries 0 --timeout 300ms";
    let silent = scan(&here, &format!("{quick} --diff FILE --fail-changed"));
    let changed = "~ tcp 10.77.0.2:22  ssh  endpoints[0].ready true -> false, detail.state open -> filtered\n";
    assert_eq!((silent.code, silent.text()), (Some(1), changed), "{}", silent.stderr);
    keep(&here, quick);
    let of_document = stored(&here, "AFTER --diff FILE --fail-changed");
    // Its document has only the number of silent ports, and 23 is not listed either.
    let unknown = changed.replace("filtered", "unknown");
    assert_eq!((of_document.code, of_document.text()), (Some(1), &*unknown), "{}", of_document.stderr);
    assert!(of_document.stderr.contains("ports that sent no reply"), "{}", of_document.stderr);

    // A host that does not reply at all may be there, too.
    assert_eq!(scan(&here, "10.77.0.2-5 -p 80-99 -o json=FILE").code, Some(0));
    there.sh("ip link set wire down");
    let absent = scan(&here, "10.77.0.2-5 -p 80-99 --retries 0 --timeout 300ms --diff FILE");
    assert_eq!(absent.text(), changed.replace(":22  ssh", ":80  http"), "{}", absent.stderr);
}

#[test]
fn a_port_that_was_not_scanned_is_not_reported_as_gone() {
    let (scene, _fixtures) = changed("-o json");
    let fewer = scan(&scene, "127.0.0.2 -p 22,80 --diff FILE");
    assert_eq!(fewer.text(), "+ tcp 127.0.0.2:80  http\n", "{}", fewer.stderr);
    assert!(
        fewer.stderr.contains("2 items of the earlier result not covered by this run; ignored\n"),
        "{}",
        fewer.stderr
    );
    // Nor is it when the found ports are validated as well.
    // What listens at port 22 there does not speak SSH: it is unhealthy.
    let checked = scan(&scene, "127.0.0.1 -p 22 --validate -o json=FILE");
    assert_eq!(checked.code, Some(1), "{}", checked.stderr);

    let checked = scan(&scene, "127.0.0.2 -p 22 --validate --diff FILE --fail-changed");
    assert_eq!((checked.code, checked.text()), (Some(0), ""), "{}", checked.stderr);
    assert_eq!(scan(&scene, "127.0.0.1-2 -p 22,8080 -o json=FILE").code, Some(0));
    // Nor is a port that the deadline left out.
    let cut = scan(&scene, "127.0.0.1-2 -p 22,80,8080 --rate 1 --deadline 50ms --diff FILE");
    assert_eq!(cut.code, Some(3), "{}", cut.stderr);

    assert!(!cut.text().contains('-') && cut.stderr.contains("closed services are not reported\n"), "{}", cut.stderr);
}

#[test]
fn a_state_that_changed_shows_what_it_was() {
    let scene = Scene::new();
    let goes = scene.fixture("tcp=127.0.0.1:22");
    assert_eq!(scan(&scene, "127.0.0.1 -p 22-23 --all -o json=FILE").code, Some(0));
    let nothing = scan(&scene, "127.0.0.1 -p 22-23 --all --diff FILE --fail-changed");
    assert_eq!((nothing.code, nothing.text()), (Some(0), ""), "{}", nothing.stderr);
    let closed_ones = scan(&scene, "127.0.0.1 -p 22-23 --diff FILE --fail-changed");
    assert_eq!((closed_ones.code, closed_ones.text()), (Some(0), ""), "23 was closed, and is: {}", closed_ones.stderr);

    goes.end();
    let closed = scan(&scene, "127.0.0.1 -p 22-23 --all --diff FILE");
    let expected = "~ tcp 127.0.0.1:22  ssh  endpoints[0].ready true -> false, detail.state open -> closed\n";
    assert_eq!(closed.text(), expected, "{}", closed.stderr);
    // One file is read, and then holds what is now.
    assert_eq!(scan(&scene, "127.0.0.1 -p 22-23 --all --diff FILE -o json=FILE").code, Some(0));

    assert_eq!(scan(&scene, "127.0.0.1 -p 22-23 --all --diff FILE").text(), "");
}

#[test]
fn a_file_that_is_not_an_earlier_listing_is_refused() {
    let scene = Scene::new();
    let file = scene.dir().join("before.json");
    let refused = |text: &str, words: &str, why: &str| {
        fs::write(&file, text).unwrap();
        let outcome = scan(&scene, words);
        assert_eq!((outcome.code, outcome.text()), (Some(2), ""), "{}", outcome.stderr);
        assert!(
            outcome.stderr.starts_with("error: cannot use --diff") && outcome.stderr.contains(why),
            "{}",
            outcome.stderr
        );
        assert_eq!(outcome.stderr.lines().count(), 2);
    };
    let words = "127.0.0.1 -p 1 --diff FILE";
    refused("PROTO  ADDRESS\n", words, "line 1 is not JSON: expected value");
    let local = scene.portolan().args("--json -p 1").run();
    assert_eq!(scan(&scene, "127.0.0.1 -p 1 --diff /nowhere/x").code, Some(2));
    refused(local.text().replace("[\n", "[").trim_end(), &format!("{words} -o csv"), "cannot write this format");
    refused(r#"{"id":"local/x","source":"local","endpoints":[]}"#, words, "it is a listing of local");
    // Whatever the earlier file contains, none of it reaches the terminal unescaped.
    let hostile = "{\"id\":\"scan/tcp/127.0.0.1:1\\u001b[2J\",\"source\":\"scan\",\"name\":\"\\u202e\",\"endpoints\":[{\"address\":\"127.0.0.1\",\"port\":1,\"transport\":\"tcp\"}]}";
    fs::write(&file, hostile).unwrap();
    let outcome = scan(&scene, words);
    assert_eq!(outcome.text(), "- tcp 127.0.0.1:1\\u{1b}[2J  \\u{202e}\n", "{}", outcome.stderr);
}
