"""The work of tasks.mjs in gevent and asyncio: prints nanoseconds for one piece. Usage: peers.py gevent|asyncio switch|spawn"""
import statistics
import sys
import time

SWITCHES, SIDE_BY_SIDE, ROUNDS = 100_000, 100, 7
LAPS = SWITCHES // SIDE_BY_SIDE


def with_gevent(kind):
    import gevent

    def switching():
        for _ in range(LAPS):
            gevent.sleep(0)

    def switch():
        gevent.joinall([gevent.spawn(switching) for _ in range(SIDE_BY_SIDE)])

    def spawn():
        for _ in range(LAPS):
            gevent.joinall([gevent.spawn(int) for _ in range(SIDE_BY_SIDE)])

    return {'switch': switch, 'spawn': spawn}[kind]


def with_asyncio(kind):
    import asyncio

    async def switching():
        for _ in range(LAPS):
            await asyncio.sleep(0)

    async def nothing():
        pass

    async def switch():
        await asyncio.gather(*[asyncio.create_task(switching()) for _ in range(SIDE_BY_SIDE)])

    async def spawn():
        for _ in range(LAPS):
            await asyncio.gather(*[asyncio.create_task(nothing()) for _ in range(SIDE_BY_SIDE)])

    work = {'switch': switch, 'spawn': spawn}[kind]
    return lambda: asyncio.run(work())


library, kind = sys.argv[1:]
run = {'gevent': with_gevent, 'asyncio': with_asyncio}[library](kind)
run()
times = []
for _ in range(ROUNDS):
    began = time.perf_counter()
    run()
    times.append(time.perf_counter() - began)
print(statistics.median(times) / SWITCHES * 1e9)
