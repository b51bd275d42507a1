// Swagger UI over this app's own document, in the browser's colours.
"use strict";

const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

// The page fills a field with its parameter's example. Of those that nobody must send, they would ask
// for another answer than the plain one: enqueued, under one id, not from a cache.
function withoutOptionalExamples(text) {
  const openapi = JSON.parse(text);
  for (const path of Object.values(openapi.paths)) {
    const parameters = [path, ...Object.values(path)].flatMap(each => each.parameters ?? []);
    for (const parameter of parameters) if (!parameter.required) delete parameter.example;
  }
  return JSON.stringify(openapi);
}

let isLoaded = false;

function onResponse(response) {
  if (!isLoaded && response.ok) response.text = withoutOptionalExamples(response.text);
  isLoaded = true;
  return response;
}

SwaggerUIBundle({
  url: `${document.body.dataset.prefix}/openapi.json`,
  dom_id: "#api",
  deepLinking: true,
  validatorUrl: null,
  defaultModelsExpandDepth: 0,
  tryItOutEnabled: true,
  responseInterceptor: onResponse,
});
