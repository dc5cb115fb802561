"""The tables of the journal. Portable types only: amounts and times are text, bodies are JSON in text."""

from sqlalchemy import Column, Index, Integer, MetaData, Table, Text

metadata = MetaData()

about = Table("about", metadata, Column("name", Text, primary_key=True), Column("value", Text, nullable=False))

events = Table(
    "events",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("kind", Text, nullable=False),
    Column("at", Text, nullable=False),
    Column("deployment", Text),
    Column("provider", Text),
    Column("token", Text),
    Column("instance_id", Text),
    Column("data", Text, nullable=False),
    Index("events_deployment", "deployment"),
    Index("events_token", "token"),
)

deployments = Table(
    "deployments",
    metadata,
    Column("token", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("since", Text, nullable=False),
    Column("body", Text, nullable=False),
    Index("deployments_name", "name"),
)

services = Table(
    "services",
    metadata,
    Column("name", Text, primary_key=True),
    Column("api_key", Text, nullable=False),
    Column("serving", Text),
)

migrations = Table(
    "migrations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("service", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("body", Text, nullable=False),
)

locks = Table(
    "locks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started", Text, nullable=False),
    Column("since", Text, nullable=False),
    Column("person", Text),
)
