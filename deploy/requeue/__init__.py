"""What was given up, and the way back: the poison queue's blobs and the input queue's dead letters.

Each is sent round first and taken off its list afterwards: whoever kills the command in between
finds it sent, and still listed.
"""
