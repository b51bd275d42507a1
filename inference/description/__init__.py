"""Describes what the served model or script takes and answers, as data for OpenAPI and Swagger.

interface.describe returns an Interface: JSON Schemas and examples by content type.
"""
