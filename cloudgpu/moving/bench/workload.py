"""What is asked, how often, and by how many users at once."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from cloudgpu.base.errors import UsageError
from cloudgpu.moving.bench.question import QUESTIONS, Question, marked

ONE_BY_ONE = 0
"""The number of users under which the questions stand that are asked one after the other, in rounds."""
MOST_USERS = 200


def loaded(users: int) -> str:
    """A level of users in words."""
    return "one by one" if users == ONE_BY_ONE else "1 user" if users == 1 else f"{users} users"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """First each question `iterations` times, one by one; then for each of `users` so many at once.

    Each level of users has `turns`; in a turn every user asks `per_user` questions, one after the other. The sides of a
    comparison take turns, so that what changes in the network meets both. `warm_up` questions are asked first and left
    out. `limit_s` is the most real seconds that one answer may take. `count_pieces` takes each piece of a stream for
    a token where the server counts none: a guess, and only when somebody asks for it. `mark` makes the words of this
    run new to every cache. Raises UsageError for a workload that holds nothing or more than 200 users.
    """

    questions: tuple[Question, ...] = QUESTIONS
    iterations: int = 3
    users: tuple[int, ...] = (1, 10, 20)
    turns: int = 3
    per_user: int = 2
    warm_up: int = 2
    limit_s: float = 120.0
    seed: int = 0
    count_pieces: bool = False
    mark: str = field(default_factory=lambda: secrets.token_hex(3))

    def __post_init__(self) -> None:
        if not self.questions or self.iterations + len(self.users) == 0 or self.turns * self.per_user == 0:
            raise UsageError("there is nothing to ask", hint="give at least one iteration or a number of users")
        if any(not 1 <= each <= MOST_USERS for each in self.users):
            raise UsageError(f"users at once must be 1 to {MOST_USERS}", hint="like --users 1,10,20")

    def rounds(self) -> Iterator[tuple[int, int]]:
        """Each stage in its order: how many users (0: one by one) and which turn."""
        yield from ((ONE_BY_ONE, turn) for turn in range(self.iterations))
        yield from ((users, turn) for users in self.users for turn in range(self.turns))

    def asked(self, users: int, turn: int) -> Sequence[Sequence[tuple[int, Question]]]:
        """For each user of a stage, the slots and questions it asks in turn. The same for every side."""
        if users == ONE_BY_ONE:
            return [[(slot, self._marked(each, users, turn, slot)) for slot, each in enumerate(self.questions)]]
        slots = [range(user * self.per_user, (user + 1) * self.per_user) for user in range(users)]
        return [[(slot, self._in_turn(users, turn, slot)) for slot in each] for each in slots]

    def warming(self) -> list[Question]:
        """The questions that are asked first and left out."""
        found = [self.questions[index % len(self.questions)] for index in range(self.warm_up)]
        return [marked(each, f"{self.mark}.w{index}") for index, each in enumerate(found)]

    def requests(self) -> int:
        """How many requests are measured on one side."""
        return sum(len(each) for users, turn in self.rounds() for each in self.asked(users, turn))

    def _in_turn(self, users: int, turn: int, slot: int) -> Question:
        index = slot // self.per_user + slot % self.per_user + turn * self.per_user
        return self._marked(self.questions[index % len(self.questions)], users, turn, slot)

    def _marked(self, question: Question, users: int, turn: int, slot: int) -> Question:
        return marked(question, f"{self.mark}.{users}.{turn}.{slot}")
