// A program that uses eureka-js-client: argv[2] is the port of the server. Commands come on standard input, one a line.
const { Eureka } = require('eureka-js-client');
const readline = require('readline');

const client = new Eureka({
  instance: {
    app: 'shop',
    hostName: 'h1',
    ipAddr: '10.0.0.7',
    port: { $: 8080, '@enabled': true },
    vipAddress: 'shop',
    dataCenterInfo: { '@class': 'com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo', name: 'MyOwn' },
    metadata: { region: 'eu' },
  },
  eureka: {
    host: '127.0.0.1',
    port: Number(process.argv[2]),
    servicePath: '/eureka/apps/',
    heartbeatInterval: 1000,
    registryFetchInterval: 200,
  },
  shouldUseDelta: process.argv[3] === 'delta',
});

function see(name, count) {
  const found = client.cache.vip[name] || [];
  if (found.length !== count) {
    setTimeout(() => see(name, count), 50);
    return;
  }
  console.log('=> ' + found.map((one) => `${one.ipAddr}:${one.port.$}`).sort().join(' '));
}

client.start((error) => {
  if (error) throw error;
  console.log('=> started');
  readline.createInterface({ input: process.stdin }).on('line', (line) => {
    const [command, ...words] = line.split(' ');
    if (command === 'see') see(words[0], Number(words[1]));
    if (command === 'stop') {
      client.stop((failed) => {
        if (failed) throw failed;
        console.log('=> stopped');
        process.exit(0);
      });
    }
  });
});
