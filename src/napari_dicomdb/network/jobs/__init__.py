"""Work that goes on in the background: a queue that survives a restart, and what it can do."""

from napari_dicomdb.network.jobs.job import STATES, Job
from napari_dicomdb.network.jobs.queue import JobQueue

__all__ = ["STATES", "Job", "JobQueue"]
