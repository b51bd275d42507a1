// Loaded into Azurite before its own code. On SIGTERM it waits until every client has left, and
// keeps its ports so long: clients without a request leave at once here, the others half a second
// later, and it goes on to save and end.
"use strict";

const http = require("http");

const PATIENCE_MS = 500;
const servers = [];
const listen = http.Server.prototype.listen;

http.Server.prototype.listen = function (...where) {
  servers.push(this);
  return listen.apply(this, where);
};

process.once("SIGTERM", () => {
  servers.forEach((server) => server.closeIdleConnections());
  setTimeout(() => servers.forEach((server) => server.closeAllConnections()), PATIENCE_MS);
});
