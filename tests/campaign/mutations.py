"""Bugs put into a copy of the program, each of which a campaign must find: a campaign that cannot fail proves nothing.

Each is a file of the package, the text in it, and what stands there instead.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """What is broken, where, which rule of the judge is meant to see it, and within how many runs of seed 1."""

    what: str
    file: str
    text: str
    instead: str
    seen_as: str
    runs: int = 120


MUTATIONS = {
    "intent_after_create": Mutation(
        what="the intent is not written down before the create",
        file="running/deployment/journal.py",
        text="        self.store.save_deployment(changed)\n",
        instead="        if changed.state not in (DeploymentState.INTENDED, DeploymentState.CREATING):\n"
        "            self.store.save_deployment(changed)\n",
        seen_as="create without an intent",
    ),
    "create_sent_again": Mutation(
        what="a create without an answer is sent again",
        file="running/providers/http.py",
        text="        return self._once(method, path, endpoint, self.timeouts.act_s, None, body, explain)\n",
        instead="        try:\n"
        "            return self._once(method, path, endpoint, self.timeouts.act_s, None, body, explain)\n"
        "        except UnreachableError:\n"
        "            return self._once(method, path, endpoint, self.timeouts.act_s, None, body, explain)\n",
        seen_as="create sent twice",
    ),
    "one_look_is_enough": Mutation(
        what="one look without it proves that a create never happened",
        file="running/deployment/state.py",
        text="    if _twice(deployment, absent, SETTLED if absent.others else BILLED):\n"
        '        note = "two complete listings, apart in time, lack it"\n'
        "        return Step(state=DeploymentState.ABANDONED",
        instead='    if absent:\n        note = "two complete listings, apart in time, lack it"\n'
        "        return Step(state=DeploymentState.ABANDONED",
        seen_as="bills unknown",
    ),
    "nothing_is_read_back": Mutation(
        what="an accepted destroy counts as done without a look",
        file="running/deployment/down.py",
        text="        deployment, doubt = _read_back(journal, deployment)\n        if deployment.state.is_final:\n",
        instead="        doubt = None\n        if not refusal:\n"
        "            deployment = journal.save(deployment, state=DeploymentState.GONE)\n"
        "        if deployment.state.is_final:\n",
        seen_as="bills unknown",
        runs=240,
    ),
    "any_label_is_ours": Mutation(
        what="whatever the account has counts as an orphan of ours",
        file="running/sweep.py",
        text="        return Why.UNKNOWN if token.store == store_id else Why.FOREIGN\n",
        instead="        return Why.UNKNOWN\n",
        seen_as="destroyed what is not ours",
    ),
    "silent_exit": Mutation(
        what="what nobody can vouch for ends with exit status 1",
        file="base/errors.py",
        text='    code = "cleanup_failed"\n    exit_status = 6\n',
        instead='    code = "cleanup_failed"\n    exit_status = 1\n',
        seen_as="silent doubt",
    ),
    "doubt_forgotten": Mutation(
        what="a killed create is not told by later commands",
        file="cli/session.py",
        text="        if each.state.is_unsettled and not _is_at_work(store, each)\n",
        instead='        if each.state.value in ("cleanup_failed", "uncertain")\n',
        seen_as="silent doubt",
        runs=300,
    ),
    "lock_for_nobody": Mutation(
        what="the lock of a deployment keeps nobody out",
        file="running/lock.py",
        text="                if holder and guard is None and _is_at_work(holder):\n"
        "                    raise _conflict(name, holder)\n                row =",
        instead="                row =",
        seen_as="two of one name",
        runs=200,
    ),
    "undo_forgotten": Mutation(
        what="Ctrl-C leaves behind what was rented and says that all is gone",
        file="running/deployment/race.py",
        text="        except KeyboardInterrupt:\n            self._undo_all()\n",
        instead="        except KeyboardInterrupt:\n",
        seen_as="left behind",
    ),
}
