"""Invoke's namespace of Skerry's tasks, which stand in skerry/tasks/."""

from invoke import Collection

from skerry.tasks import cluster, dev, disk, fleet, hosts, lab

namespace = Collection()
for module in (hosts, cluster, disk, fleet, lab, dev):
    for task in Collection.from_module(module).tasks.values():
        namespace.add_task(task)
