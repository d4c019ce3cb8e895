#pragma once

/* Threads are started in the namespaces of the process.
 *
 * The kernel gives a new thread the namespaces of the thread that starts it, and a pool starts its threads on
 * whatever thread hands in work. In a process with a thread in another network namespace, work that has nothing
 * to do with that thread would sooner or later run there, and its sockets would reach nobody.
 *
 * So this replaces pthread_create of the C library for the whole program: on a thread that is elsewhere, the
 * request goes to a thread that stays where the process began. With AddressSanitizer, which replaces it itself,
 * nothing of this happens.
 */

/* Starts the thread that starts threads for those that are elsewhere; once. To be called before the first
 * thread leaves. Returns 0 or an error number. */
int threads_prepare(void);

/* Says whether the calling thread is in other namespaces than the process began in; returns what was said
 * before. */
int threads_set_elsewhere(int elsewhere);
