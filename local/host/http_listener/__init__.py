"""HTTP trigger: uvicorn, routes, keys, and the conversion of requests and responses."""
