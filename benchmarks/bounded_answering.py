"""The process that answers about many events, bounded as in a container of the chart.

`CONTAINER_MEMORY` names a file that says what the container may take, as Linux does.
"""

import os
from pathlib import Path

from consumer_app import memory
from consumer_app.queries import answering

memory.CGROUP_LIMITS = (Path(os.environ["CONTAINER_MEMORY"]),)

if __name__ == "__main__":
    answering.main()
