"""The smallest blob function: it sends the blob's name as a result document."""

import json

import azure.functions as func

app = func.FunctionApp()


@app.blob_trigger("source", "scoring-input/{name}", "ScoringStorage")
@app.service_bus_queue_output("document", "ServiceBusConnection", "scoring-results")
async def empty(source: func.InputStream, document: func.Out[str]) -> None:
    document.set(json.dumps({"id": source.name, "result": None}))
