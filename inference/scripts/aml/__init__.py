"""Azure ML's names for entry scripts: AMLRequest, AMLResponse, rawhttp. Imported on demand."""
