"""Whether an answer holds what it must."""

import re

from app.bodies import Check


def holds(check: Check, answer: str) -> bool:
    """One check on one answer. A pattern that is none holds nothing."""
    match check.type:
        case "equals":
            return answer.strip() == check.value.strip()
        case "contains":
            return check.value in answer
        case "icontains":
            return check.value.lower() in answer.lower()
        case "not-contains":
            return check.value not in answer
        case "not-icontains":
            return check.value.lower() not in answer.lower()
    try:
        return re.search(check.value, answer) is not None
    except re.error:
        return False
