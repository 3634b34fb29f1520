//! Follows the endpoints of a service in the cluster of the kubeconfig, until one can be called: `kubernetes SERVICE
//! [NAMESPACE]`.

#![allow(clippy::print_stdout)]

use portolan::client::Registry;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (name, namespace) = match args.as_slice() {
        [name] => (name, ""),
        [name, namespace] => (name, namespace.as_str()),
        _ => return Err("usage: kubernetes SERVICE [NAMESPACE]".into()),
    };
    // KUBECONFIG and the files of a pod say which cluster it is.
    let registry = Registry::builder(&format!("k8s:{namespace}"), Some(|name| std::env::var_os(name)))?.build();
    let service = registry.resolve(name).start()?;
    service.ready().await?;

    // A watch: no request, no pause. The API server reports the change.
    let mut changes = service.watch();
    while service.counts().usable == 0 {
        println!("no endpoint of {name} is ready");
        changes.next().await.ok_or("the watch ended")?;
    }
    for endpoint in service.endpoints() {
        println!("{endpoint} {}", if endpoint.is_usable() { "ready" } else { "not ready" });
    }
    println!("the next call goes to {}", service.pick(()).await?.endpoint());
    Ok(())
}
