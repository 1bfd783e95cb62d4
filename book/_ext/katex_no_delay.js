// Loaded before the server that typesets. It answers in two pieces too: without this the second
// waits up to 40 ms for the receipt of the first, for every formula of the book.
const net = require("net");
const createServer = net.createServer;
net.createServer = (options, ...rest) => createServer({ ...options, noDelay: true }, ...rest);
