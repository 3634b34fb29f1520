// Uses the client `consul` of npm: argv is the address and the port. Prints what it got.
const Consul = require('consul');

const consul = new Consul({ host: process.argv[2], port: Number(process.argv[3]) });

const show = (what, value) => console.log(what, JSON.stringify(value));
const sleep = (time) => new Promise((done) => setTimeout(done, time));

// An agent writes to its catalog a moment after its reply.
async function until(condition) {
  for (let at = 0; at < 400; at++) {
    if (await condition()) return;
    await sleep(50);
  }
  throw new Error('it never became so');
}

async function ids(options = {}) {
  const entries = await consul.health.service({ service: 'web', ...options });
  return entries.map((one) => `${one.Service.ID} ${one.Service.Port} ${one.Service.Tags}`).sort();
}

async function main() {
  show('leader', (await consul.status.leader()).includes(':'));
  await consul.agent.service.register({ name: 'web', id: 'w1', address: '10.0.0.1', port: 80, tags: ['a'] });
  await consul.agent.service.register({ name: 'web', id: 'w2', address: '10.0.0.2', port: 81, check: { ttl: '1h' } });
  await until(async () => (await ids()).length === 2);
  show('nodes', await ids());
  show('passing', await ids({ passing: true }));
  await consul.agent.check.pass('service:w2');
  await until(async () => (await ids({ passing: true })).length === 2);
  show('passing', await ids({ passing: true }));
  const services = await consul.agent.service.list();
  show('agent', ['w1', 'w2'].map((id) => [services[id].Service, services[id].Address, services[id].Port]));
  show('catalog', (await consul.catalog.service.list()).web);
  const entries = await consul.catalog.service.nodes('web');
  show('catalog service', entries.map((one) => [one.ServiceID, one.ServicePort]).sort());

  // A watch is a series of blocking queries.
  const watch = consul.watch({ method: consul.health.service, options: { service: 'web' } });
  const seen = new Promise((done, failed) => {
    watch.on('change', (data) => {
      if (data.length === 3) done(data.length);
    });
    watch.on('error', failed);
  });
  await consul.agent.service.register({ name: 'web', id: 'w3', address: '10.0.0.3', port: 82 });
  show('watched', await seen);
  watch.end();

  await consul.agent.service.maintenance({ id: 'w1', enable: true });
  await until(async () => (await ids({ passing: true })).length === 2);
  show('maintenance', await ids({ passing: true }));
  for (const id of ['w1', 'w2', 'w3']) await consul.agent.service.deregister(id);
  await until(async () => (await ids()).length === 0);
  show('gone', await ids());
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
