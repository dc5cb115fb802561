"""cloudgpu: from a model name to a healthy, accounted endpoint on the cheapest rented GPU that really fits."""

__version__ = "0.1.0"
