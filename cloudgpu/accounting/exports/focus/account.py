"""Whose money it is, and which month and hour it falls in."""

from collections.abc import Mapping
from datetime import datetime

from cloudgpu.accounting.period import month_of, next_month
from cloudgpu.base.clock import utc_text

_NAMES = {
    "vast": "Vast.ai", "runpod": "RunPod", "docker": "Own machine", "emulator": "Emulator",
    "emulator-runpod": "Emulator (RunPod)",
}  # fmt: skip


def account_columns(provider: str, account: str | None) -> Mapping[str, str]:
    """The columns that name the provider and the account at it."""
    name = _NAMES.get(provider, provider)
    return {
        "BillingAccountId": f"{provider}:{account or 'unknown'}",
        "BillingAccountName": f"{name} account {account or 'unknown'}",
        "BillingCurrency": "USD",
        "InvoiceIssuerName": name,
        "ProviderName": name,
        "PublisherName": name,
        "ServiceProviderName": name,
    }


def period_columns(start: datetime, end: datetime) -> Mapping[str, str]:
    """The charge's own period and its calendar month, both with their ends exclusive, to the second."""
    return {
        "BillingPeriodStart": second(month_of(start)),
        "BillingPeriodEnd": second(next_month(start)),
        "ChargePeriodStart": second(start),
        "ChargePeriodEnd": second(end),
    }


def second(moment: datetime) -> str:
    """`2026-11-01T00:00:00Z`."""
    return utc_text(moment.replace(microsecond=0))
