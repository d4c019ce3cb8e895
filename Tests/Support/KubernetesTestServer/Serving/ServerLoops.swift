import NIOCore
import NIOPosix

/// Threads that are the test servers' own. Tests may block those that tasks share, and a server
/// has to answer nevertheless.
enum ServerLoops {
    static let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
}

/// Runs tasks on an event loop.
final class LoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) {
        self.loop = loop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
