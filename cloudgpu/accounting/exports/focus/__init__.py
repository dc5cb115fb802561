"""The charges in the FinOps Open Cost and Usage Specification, version 1.2, with the names of 1.3 and 1.4 beside them.

Both providers are prepaid. As in FOCUS's own examples of prepaid money, BilledCost stands on the top-up (a Purchase)
and EffectiveCost on the usage that eats it: sum EffectiveCost to see what was used, BilledCost to see what was paid.
"""

from cloudgpu.accounting.exports.focus.file import focus_text, metadata_text

__all__ = ["focus_text", "metadata_text"]
