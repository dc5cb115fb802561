"""The provider's bill beside the ledger: what agrees, what differs and why, and which days are closed for good."""

from cloudgpu.accounting.reconcile.days import Day, days
from cloudgpu.accounting.reconcile.difference import Difference, Verdict, differences
from cloudgpu.accounting.reconcile.purse import BalanceCheck, balance_checks
from cloudgpu.accounting.reconcile.strangers import Stranger, strangers

__all__ = [
    "BalanceCheck", "Day", "Difference", "Stranger", "Verdict", "balance_checks", "days", "differences", "strangers",
]  # fmt: skip
