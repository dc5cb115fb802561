"""`python -m tests.campaign --seed S --runs N [--jobs 2] [--only K]`: many stories, with all that can go wrong in them.

Exit status 1 when something broke: each failure is printed with its seed and number, and the shortest script of the
same failure that was found. `--script FILE` plays such a script again.
"""

import sys

from tests.campaign.draw import draw
from tests.campaign.game import Game
from tests.campaign.play import StoryStage
from tests.campaign.runs import main
from tests.campaign.story import shorter, story_from

if __name__ == "__main__":
    sys.exit(main(Game(draw=draw, read=story_from, stage=StoryStage, shorter=shorter), __doc__))
