"""The parts of the report's page: its template, style and scripts, and the rows that go into it."""
