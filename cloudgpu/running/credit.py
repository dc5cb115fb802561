"""How long the money lasts: what is left in an account against what its instances cost."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from cloudgpu.base.money import ZERO
from cloudgpu.running.providers.base import InstanceView, Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """Prepaid dollars left, and what everything in the account is charged per hour at this moment, ours or not."""

    balance_usd: Decimal
    spend_usd_per_hour: Decimal

    @property
    def hours_left(self) -> Decimal | None:
        """Until the account is empty at this rate; None while nothing is charged. 0 for an account in debt.

        At zero Vast.ai stops everything and RunPod terminates every pod that has no network volume.
        """
        if self.spend_usd_per_hour <= 0:
            return None
        return max(ZERO, self.balance_usd) / self.spend_usd_per_hour


def credit_of(provider: Provider) -> Credit:
    """The account's credit now. Calls the network: the balance and one complete listing; raises as they do."""
    return Credit(balance_usd=provider.balance_usd(), spend_usd_per_hour=charged_now(provider.instances()))


def charged_now(views: Iterable[InstanceView]) -> Decimal:
    """Dollars per hour that these instances are charged in the state they are in; traffic apart."""
    return sum((_charged(view) for view in views), ZERO)


def _charged(view: InstanceView) -> Decimal:
    gpu = view.gpu_usd_per_hour if view.gpu_billing else ZERO
    return gpu + (view.disk_usd_per_hour if view.disk_billing else ZERO)
