"""Blob trigger: finds new blobs by scanning containers, and keeps receipts of processed ones."""
