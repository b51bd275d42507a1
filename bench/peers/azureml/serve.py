"""`azmlinfsrv` on the loopback address. The command itself always listens on every address."""

from azureml_inference_server_http import amlserver

amlserver.DEFAULT_HOST = "127.0.0.1"

if __name__ == "__main__":
    amlserver.run()
