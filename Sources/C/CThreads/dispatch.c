/* Dispatch without its monitor, in programs with the Swift runtime linked in.
 *
 * Dispatch registers the threads of its pools, and from the first one on it reads their states from /proc once a
 * second, for as long as the program runs: to add a thread where all of a pool are blocked. At rest that was about
 * a third of the daemon's processor time. Nothing of the daemon's blocks on these threads: what does so has threads
 * or serial queues of its own, whose pool has no limit.
 *
 * The linker takes these two before it looks for them in libdispatch.a, and so leaves out workqueue.c there, which has
 * the monitor. The shared library calls its own. `scripts/size` fails if the monitor is back. */

void _dispatch_workq_worker_register(void *queue);
void _dispatch_workq_worker_unregister(void *queue);

void _dispatch_workq_worker_register(void *queue) { (void)queue; }
void _dispatch_workq_worker_unregister(void *queue) { (void)queue; }
