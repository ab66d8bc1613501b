"""The column that says whose a row is."""

from spark_jobs.lake.schemas import STRING, Column

PERSON = Column("person_id", STRING, "the person, resolved across channels", pseudonym=True)
