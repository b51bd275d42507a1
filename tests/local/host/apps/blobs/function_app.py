"""Blob functions, each for one rule."""

import json
import logging

import azure.functions as func
from azurefunctions.extensions.bindings import blob

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

log = logging.getLogger(__name__)


@app.blob_trigger("source", "texts/{name}.{ext}", "Storage")
@app.blob_output("copy", "copies/{name}.copy.{ext}", "Storage")
def copy(source: func.InputStream, copy: func.Out[bytes]) -> None:
    log.info("copy runs for %s", source.name)
    content = source.read()
    if content == b"fails":
        raise ValueError("this one never works")
    seen = {
        "name": source.name,
        "uri": source.uri,
        "length": source.length,
        "metadata": source.metadata,
        "content_type": source.blob_properties["ContentType"],
        "content": content.decode(),
    }
    copy.set(json.dumps(seen).encode())


@app.blob_trigger("source", "deferred/{name}", "Storage")
@app.blob_input("target", "copies", "Storage")
def copy_deferred(source: blob.BlobClient, target: blob.ContainerClient) -> None:
    target.upload_blob(source.blob_name, source.download_blob().readall(), overwrite=True)


@app.blob_trigger("source", "trapped/{name}", "Storage")
@app.blob_output("copy", "copies/{name}", "Storage")
def copy_trapped(source: blob.BlobClient, copy: func.Out[bytes]) -> None:
    copy.set(b"never reached")


@app.route("read/{name}")
@app.blob_input("binary", "copies/{name}", "Storage", data_type=func.DataType.BINARY)
@app.blob_input("text", "copies/{name}", "Storage")
def read(req: func.HttpRequest, binary: func.InputStream, text: str) -> func.HttpResponse:
    content = binary.read() if binary else b""
    return func.HttpResponse(json.dumps({"bytes": content.hex(), "text": text}))


@app.route("write/{name}", methods=["POST"])
@app.blob_output("target", "made/%FOLDER%/{name}-{rand-guid}", "Storage")
def write(req: func.HttpRequest, target: func.Out[str]) -> func.HttpResponse:
    target.set("written ä")
    return func.HttpResponse("ok")
