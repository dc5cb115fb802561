"""Buckets of time as RunPod bills in: hours, days, weeks from Monday, months and years, all in UTC."""

from datetime import UTC, datetime, timedelta

_LENGTHS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7)}
_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)


def bucket_of(moment: datetime, bucket: str) -> datetime:
    """When the bucket began that a moment lies in. Raises KeyError for a bucket that RunPod does not have."""
    if bucket == "year":
        return datetime(moment.year, 1, 1, tzinfo=UTC)
    if bucket == "month":
        return datetime(moment.year, moment.month, 1, tzinfo=UTC)
    return moment - (moment - _MONDAY) % _LENGTHS[bucket]


def following(start: datetime, bucket: str) -> datetime:
    """When the bucket ends that begins at `start`."""
    if bucket == "year":
        return datetime(start.year + 1, 1, 1, tzinfo=UTC)
    if bucket == "month":
        return datetime(start.year + start.month // 12, start.month % 12 + 1, 1, tzinfo=UTC)
    return start + _LENGTHS[bucket]
