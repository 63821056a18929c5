// Starts npm's telegram-test-api on a free port and says which; ends with its stdin.
const net = require('net');
const TelegramServer = require('telegram-test-api');

const probe = net.createServer().listen(0, '127.0.0.1', () => {
  const { port } = probe.address();
  probe.close(async () => {
    const server = new TelegramServer({ port, host: '127.0.0.1', storeTimeout: 600 });
    await server.start();
    console.log(port);
    process.stdin.resume();
    process.stdin.on('end', () => process.exit(0));
  });
});
