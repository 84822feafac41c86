// A peer that nobody of this project wrote, driven by three arguments: `simple` or `medplum`, `serve` or `send`, and for
// `send` the port; messages to send come from the standard input, separated by a line with a dot. One line a fact on the
// standard output: `port N`, `ack WORD NUMBER MICROSECONDS`, `got EVENT NUMBER`.
'use strict';
const [who, what, port] = process.argv.slice(2);
const say = (...words) => process.stdout.write(words.join(' ') + '\n');

function messages() {
  const text = require('fs').readFileSync(0, 'utf8');
  return text.split('\n.\n').filter((one) => one.trim()).map((one) => one.trim().replace(/\n/g, '\r') + '\r');
}

const micros = () => Number(process.hrtime.bigint() / 1000n);

const simple = {
  serve() {
    const hl7 = require('simple-hl7');
    const app = hl7.tcp();
    app.use((req, res, next) => {
      say('got', `${req.type}^${req.event}`, req.msg.header.getField(8).toString());
      next();
    });
    app.use((req, res, next) => res.end());
    app.use((err, req, res, next) => say('error', String(err)));
    const free = require('net').createServer().listen(0, '127.0.0.1', () => {
      const number = free.address().port;
      free.close(() => {
        app.start(number);
        require('net').connect(number, '127.0.0.1').on('connect', function () { this.end(); say('port', number); });
      });
    });
  },
  send() {
    const hl7 = require('simple-hl7');
    const client = hl7.Server.createTcpClient({ host: '127.0.0.1', port: Number(port), keepalive: true });
    const left = messages();
    const parser = new hl7.Parser({ segmentSeperator: '\r' });
    const next = () => {
      const text = left.shift();
      if (!text) process.exit(0);
      const began = micros();
      client.send(parser.parse(text), (err, ack) => {
        if (err) { say('error', String(err)); process.exit(1); }
        const msa = ack.getSegment('MSA');
        say('ack', msa.getField(1), msa.getField(2), micros() - began);
        setImmediate(next); // it frees its buffer only after this callback
      });
    };
    next();
  },
};

const medplum = {
  async serve() {
    const { Hl7Server } = require('@medplum/hl7');
    const server = new Hl7Server((connection) => {
      connection.addEventListener('message', ({ message }) => {
        const msh = message.getSegment('MSH');
        say('got', msh.getField(9).toString(), msh.getField(10).toString());
        connection.send(message.buildAck());
      });
    });
    const free = require('net').createServer().listen(0, '127.0.0.1', () => {
      const number = free.address().port;
      free.close(async () => {
        await server.start(number);
        say('port', number);
      });
    });
  },
  async send() {
    const { Hl7Client } = require('@medplum/hl7');
    const { Hl7Message } = require('@medplum/core');
    const client = new Hl7Client({ host: '127.0.0.1', port: Number(port) });
    for (const text of messages()) {
      const began = micros();
      const ack = await client.sendAndWait(Hl7Message.parse(text));
      const msa = ack.getSegment('MSA');
      say('ack', msa.getField(1).toString(), msa.getField(2).toString(), micros() - began);
    }
    await client.close();
    process.exit(0);
  },
};

Promise.resolve({ simple, medplum }[who][what]()).catch((err) => { say('error', String(err)); process.exit(1); });
