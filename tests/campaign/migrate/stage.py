"""Where tales are played."""

from tests.campaign.game import Told
from tests.campaign.migrate.beginning import Beginnings
from tests.campaign.migrate.operations import MODEL_NEW
from tests.campaign.migrate.scene import Scene
from tests.campaign.migrate.stand_in import install
from tests.campaign.migrate.tale import Tale
from tests.campaign.migrate.telling import Telling
from tests.campaign.stage import Stage

_BRISK = 16
"""How drowsy the machine is on which every tale begins: few looks at an engine that loads."""


class MoveStage(Stage):
    """A `Stage` on which tales are played; a plan to move to lies ready."""

    def __init__(self) -> None:
        super().__init__()
        _preload()
        self._plan = self._memory / "plan.json"
        words = ("plan", MODEL_NEW, "--gpu", "RTX 4090", "--offline", "--out", str(self._plan), "--json")
        planning = self.start(words)
        while not planning.ended:
            planning.go_on(self.market.clock)
        if planning.status:
            raise RuntimeError(planning.err)
        self._beginnings = Beginnings(self.market, self._memory)

    def play(self, tale: Tale) -> Told:
        """Play it, put everything right again as a user would, and judge."""
        install(proxy_on_paper=tale.gateway != "haproxy")
        told, scene = Told(), Scene(self.market, self._memory / "home", tale.provider)
        telling = Telling(self, scene, tale, told, self._plan)
        try:
            self._begin(telling)
            telling.go_on()
        finally:
            scene.end()
        return told

    def _begin(self, telling: Telling) -> None:
        """The first words are typed once for each market and provider."""
        if not self._beginnings.resume(telling, telling.scene.home):
            self.clear(telling.tale.market, _BRISK)
            telling.begin()
            self._beginnings.keep(telling, telling.scene.home)
        self._drowsy, self._home = telling.tale.drowsy, telling.scene.home


def _preload() -> None:
    """So that no fork has to load it."""
    import cloudgpu.cli.gateway.run
    import cloudgpu.cli.migrate.acting
    import cloudgpu.cli.migrate.start
    import cloudgpu.moving.resuming
    import cloudgpu.moving.window  # noqa: F401
