"""The blob trigger: a blob in, the same blob with predictions out."""
