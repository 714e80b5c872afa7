"""Values whose types Airflow defines, differently in each of its majors: nothing of ours can name them."""

from typing import Any

# An operator, a task instance, a message of the runner, …: read by attribute, in the files that know the major.
Foreign = Any
