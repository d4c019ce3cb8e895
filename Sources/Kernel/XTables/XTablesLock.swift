package import DataplaneModel
import Glibc
import HostFacts
import SystemCalls
import SystemPackage

/// The lock that programs hold while they change legacy tables, as iptables does.
///
/// The file stays open from the first use on: closing it after each change would look to
/// `XTablesLockWatch` like another program.
package struct XTablesLock: ~Copyable {
    /// Where the lock is and how long to wait for it.
    package struct Configuration: Sendable, Equatable {
        package var path: String
        package var timeout: Duration

        package init(path: String = "/run/xtables.lock", timeout: Duration = .seconds(5)) {
            self.path = path
            self.timeout = timeout
        }
    }

    private let configuration: Configuration
    private var file: OwnedDescriptor?
    /// `hold` has taken it.
    private var isHeld = false

    /// Opens nothing yet.
    package init(_ configuration: Configuration = Configuration()) {
        self.configuration = configuration
    }

    /// Until when to wait for the lock from now on.
    package var deadline: ContinuousClock.Instant { ContinuousClock.now + configuration.timeout }

    /// Runs `body` under the lock.
    ///
    /// - Throws: `.locked` if other programs hold the lock until the deadline; the error of `open`; and
    ///   what `body` throws.
    package mutating func withLock<Result>(
        until deadline: ContinuousClock.Instant? = nil,
        _ body: () throws(DataplaneError) -> Result
    ) throws(DataplaneError) -> Result {
        if isHeld { return try body() }
        let number = try acquire(until: deadline ?? self.deadline)
        defer {
            // Cannot fail for a lock that is held.
            _ = flock(number, LOCK_UN)
        }
        return try body()
    }

    /// Takes the lock until `release`, for several uses of it.
    ///
    /// - Throws: as `withLock`.
    mutating func hold() throws(DataplaneError) {
        _ = try acquire(until: deadline)
        isHeld = true
    }

    /// Ends `hold`.
    mutating func release() {
        isHeld = false
        if let number = file?.number { _ = flock(number, LOCK_UN) }
    }

    /// Whether no other program holds the lock now, by taking it and giving it back at once. True, too, if that
    /// cannot be found out: who waits for the lock goes on, and says why it fails.
    package mutating func isFree() -> Bool {
        guard let number = try? openedNumber() else { return true }
        guard flock(number, LOCK_EX | LOCK_NB) == 0 else { return errno != EWOULDBLOCK }
        _ = flock(number, LOCK_UN)
        return true
    }

    /// Opens the file, never through a symbolic link; creates it with mode 0600 if it is missing.
    static func open(_ path: String) throws(DataplaneError) -> OwnedDescriptor {
        try OwnedDescriptor.open(
            path,
            // Opening a pipe would wait for a writer.
            options: [.create, .noFollow, .nonBlocking],
            permissions: .ownerReadWrite
        )
    }

    private mutating func acquire(
        until deadline: ContinuousClock.Instant
    ) throws(DataplaneError) -> Int32 {
        if let number = try attempt() { return number }
        return try ThreadProgress.waiting { () throws(DataplaneError) -> Int32 in
            var pause: useconds_t = 500
            while true {
                guard !ThreadProgress.isHurried else { throw held(whileStopping: true) }
                guard ContinuousClock.now < deadline else { throw held() }
                usleep(pause)
                pause = min(pause * 2, 20_000)
                if let number = try attempt() { return number }
            }
        }
    }

    /// Takes the lock if no other program holds it.
    private mutating func attempt() throws(DataplaneError) -> Int32? {
        while true {
            let number = try openedNumber()
            if flock(number, LOCK_EX | LOCK_NB) == 0 {
                // If the file was removed before it was locked, other programs lock another one.
                if try isCurrent(number) { return number }
                file = nil
                continue
            }
            let failure = errno
            if failure == EINTR { continue }
            guard failure == EWOULDBLOCK else {
                throw .system("flock", configuration.path, failure)
            }
            return nil
        }
    }

    private mutating func openedNumber() throws(DataplaneError) -> Int32 {
        if let number = file?.number, try isCurrent(number) { return number }
        let opened = try Self.open(configuration.path)
        let number = opened.number
        file = consume opened
        return number
    }

    /// Whether the open file is still the one at the path.
    private func isCurrent(_ number: Int32) throws(DataplaneError) -> Bool {
        var opened = stat()
        var present = stat()
        guard unsafe fstat(number, &opened) == 0 else {
            throw .system("fstat", configuration.path, errno)
        }
        guard unsafe lstat(configuration.path, &present) == 0 else { return false }
        return opened.st_ino == present.st_ino && opened.st_dev == present.st_dev
    }

    /// Without the time that was waited, so that a failure that repeats is the same.
    private func held(whileStopping: Bool = false) -> DataplaneError {
        let limit =
            whileStopping
            ? "when the daemon was stopped" : "for longer than \(configuration.timeout)"
        let holder = LockHolder.find(configuration.path).map { ": \($0)" } ?? ""
        return .system(
            "flock",
            configuration.path,
            EWOULDBLOCK,
            kind: .locked,
            message: "another program held the lock \(limit)\(holder)"
        )
    }
}
