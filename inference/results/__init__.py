"""Results: the document that says how a request ended, and the store that keeps it by id.

result_document writes documents. ResultStore keeps them, and its FinalAttempts knows which requests
have no attempt left.
"""
