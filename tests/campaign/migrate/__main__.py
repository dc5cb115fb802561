"""`python -m tests.campaign.migrate --seed S --runs N [--jobs 2] [--only K]`: many tales of one migration each.

Exit status 1 when something broke: each failure is printed with its seed and number, and the shortest tale of the same
failure that was found. `--script FILE` plays such a tale again.
"""

import sys

from tests.campaign.game import Game
from tests.campaign.migrate.draw import draw
from tests.campaign.migrate.stage import MoveStage
from tests.campaign.migrate.tale import shorter, tale_from
from tests.campaign.runs import main

if __name__ == "__main__":
    sys.exit(main(Game(draw=draw, read=tale_from, stage=MoveStage, shorter=shorter), __doc__))
