// Loaded into Azurite before its own code. On SIGTERM, Azurite waits until every client has
// disconnected, and holds its ports until then. This closes idle connections at once and the others
// after GRACE_MS, so that Azurite can save its data and end.
"use strict";

const http = require("http");

const GRACE_MS = 500;
const servers = [];
const listen = http.Server.prototype.listen;

http.Server.prototype.listen = function (...where) {
  servers.push(this);
  return listen.apply(this, where);
};

process.once("SIGTERM", () => {
  servers.forEach((server) => server.closeIdleConnections());
  setTimeout(() => servers.forEach((server) => server.closeAllConnections()), GRACE_MS);
});
