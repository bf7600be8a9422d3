"""One thread in which all clients and proxies of a test live."""

import asyncio
import threading

WITHIN = 30.0


class Engine:
    """An asyncio loop in a thread of its own. What belongs to it is touched through `call` alone,
    or read where a value may be a moment old."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.failed = []  # what no task may do: raise
        self.tasks = set()
        self.thread = threading.Thread(target=self.loop.run_forever, name="engine", daemon=True)
        self.thread.start()

    def call(self, function, *arguments, within=WITHIN):
        """Runs it in the loop, a coroutine to its end; returns what it returned."""
        async def run():
            done = function(*arguments)
            return await done if asyncio.iscoroutine(done) else done
        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(within)

    def keep(self, coroutine):
        """A task for as long as the engine; in the loop."""
        task = self.loop.create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task):
        self.tasks.discard(task)
        if not task.cancelled() and task.exception():
            self.failed.append(task.exception())

    def check(self):
        assert not self.failed, self.failed[:3]

    def end(self):
        async def cancel():
            tasks = list(self.tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self.call(cancel)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(WITHIN)
        self.loop.close()
