#define _GNU_SOURCE
#include "CThreads.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZER_REPLACES_IT 1
#endif
#endif

static _Thread_local int is_elsewhere;

int threads_set_elsewhere(int elsewhere)
{
    int before = is_elsewhere;

    is_elsewhere = elsewhere;
    return before;
}

#ifdef SANITIZER_REPLACES_IT

int threads_prepare(void) { return 0; }

#else

typedef int create_function(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

/* What a thread that is elsewhere asks for, on its stack until it is answered. */
struct request {
    pthread_t *thread;
    const pthread_attr_t *attributes;
    void *(*body)(void *);
    void *argument;
    sigset_t mask;
    int result;
    int is_answered;
    struct request *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t asked = PTHREAD_COND_INITIALIZER;
static pthread_cond_t answered = PTHREAD_COND_INITIALIZER;
/* The last one to come is answered first; there is hardly ever a second one. */
static struct request *requests;
/* Of the process that has the starting thread; a child after fork() has none. */
static _Atomic pid_t owner;

/* The C library's. Looked up by whoever comes first, as threads are started before main(). */
static create_function *real_create(void)
{
    static _Atomic(create_function *) found;
    create_function *function = atomic_load_explicit(&found, memory_order_relaxed);

    if (!function) {
        function = (create_function *)dlsym(RTLD_NEXT, "pthread_create");
        atomic_store_explicit(&found, function, memory_order_relaxed);
    }
    return function;
}

static void *start_threads(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    for (;;) {
        struct request *request;

        while (!requests)
            pthread_cond_wait(&asked, &lock);
        request = requests;
        requests = request->next;
        /* A thread inherits the mask of the one that starts it, too. */
        pthread_sigmask(SIG_SETMASK, &request->mask, NULL);
        request->result = real_create()(request->thread, request->attributes, request->body,
                                        request->argument);
        request->is_answered = 1;
        pthread_cond_broadcast(&answered);
    }
    return NULL;
}

int threads_prepare(void)
{
    pthread_t thread;
    int failure = 0;

    pthread_mutex_lock(&lock);
    if (owner != getpid()) {
        failure = real_create()(&thread, NULL, start_threads, NULL);
        if (!failure) {
            owner = getpid();
            pthread_detach(thread);
        }
    }
    pthread_mutex_unlock(&lock);
    return failure;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *),
                   void *argument)
{
    struct request request = {thread, attributes, body, argument};

    if (!is_elsewhere || owner != getpid())
        return real_create()(thread, attributes, body, argument);
    pthread_sigmask(SIG_SETMASK, NULL, &request.mask);
    pthread_mutex_lock(&lock);
    request.next = requests;
    requests = &request;
    pthread_cond_signal(&asked);
    while (!request.is_answered)
        pthread_cond_wait(&answered, &lock);
    pthread_mutex_unlock(&lock);
    return request.result;
}

#endif
