"""The HTTP trigger: score now or later, the Open Inference Protocol, health."""
