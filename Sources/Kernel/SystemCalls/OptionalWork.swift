import Glibc

/// Work of a thread that is given up as soon as there is something else to do, such as a read that nobody waits
/// for.
///
/// Parts of it that may take long ask `isUnwanted` wherever they can end.
package final class OptionalWork {
    private let hasOther: () -> Bool
    /// Once given up it stays so, whatever becomes of the other work.
    private var isGivenUp = false

    private init(_ hasOther: @escaping () -> Bool) { self.hasOther = hasOther }

    /// Its value of a thread is the thread's `OptionalWork`.
    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        // Fails beyond a thousand keys; then key 0 is someone else's.
        let status = unsafe pthread_key_create(&key, nil)
        precondition(status == 0, "no key for values of threads: error \(status)")
        return key
    }()

    /// Runs `body`, which is not wanted any more once there is other work; nil if it was given up.
    /// An error of a `body` that was given up is none. Not to be nested.
    package static func run<Result, Failure: Error>(
        unless hasOther: @escaping () -> Bool,
        _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        let work = OptionalWork(hasOther)
        return try withExtendedLifetime(work) { () throws(Failure) -> Result? in
            unsafe pthread_setspecific(key, Unmanaged.passUnretained(work).toOpaque())
            defer { pthread_setspecific(key, nil) }
            do throws(Failure) {
                let result = try body()
                // Complete work is used, whatever has come since it was last asked for.
                return work.isGivenUp ? nil : result
            } catch {
                if work.isGivenUp { return nil }
                throw error
            }
        }
    }

    private var isUnwanted: Bool {
        if !isGivenUp { isGivenUp = hasOther() }
        return isGivenUp
    }

    /// That of the calling thread; nil outside `run`.
    private static var current: OptionalWork? {
        // Only `run` sets it, and keeps the object for as long.
        guard let own = unsafe pthread_getspecific(key) else { return nil }
        return unsafe Unmanaged<OptionalWork>.fromOpaque(own).takeUnretainedValue()
    }

    /// Whether what the calling thread does may be given up.
    package static var isUnderWay: Bool { current != nil }

    /// Whether what the calling thread does is to be given up now.
    package static var isUnwanted: Bool { current?.isUnwanted ?? false }
}
