//! `portolan explain`.

use crate::portolan;

#[test]
fn one_finding_with_its_cost_and_what_to_do() {
    let ran = portolan(["explain", "cert-life-twelfth"]);
    let expected = "cert-life-twelfth\n  The certificate expires in less than 7 days or a twelfth of its lifetime, whichever is \
         less.\n\n  \
         costs  15 points, out of at most 30 for tls; caps the score at 75\n  hint   renew the certificate now\n";
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), expected, ""));
}

#[test]
fn all_of_them_as_a_table_and_as_json() {
    let table = portolan(["explain"]).stdout;
    assert!(table.starts_with("CODE"), "{table}");
    let line = table.lines().find(|line| line.starts_with("tcp-flaky ")).unwrap();
    let words: Vec<&str> = line.split_whitespace().take(6).collect();
    assert_eq!(words, ["tcp-flaky", "tcp", "10", "75", "Some", "of"]);
    let json: serde_json::Value = serde_json::from_str(&portolan(["explain", "--json"]).stdout).unwrap();
    let items = json["items"].as_array().unwrap();
    assert!(items.len() >= 58);
    assert!(items.iter().any(|item| item["code"] == "http-5xx" && item["cap"] == 30 && item["points"] == 0));
}

#[test]
fn a_typo_gets_a_suggestion() {
    let ran = portolan(["explain", "cert-expird"]);
    let expected = "error: cannot use 'cert-expird': no finding has that code\n\
         hint: did you mean cert-expired? `portolan explain` lists all codes\n";
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(2), "", expected));
    let ran = portolan(["explain", "x", "-o", "csv"]);
    assert_eq!(ran.code, Some(2));
}
