"""The report as one HTML file: no network, light and dark, phone and desktop; every chart with its table."""

from cloudgpu.accounting.exports.html.page import html_text

__all__ = ["html_text"]
