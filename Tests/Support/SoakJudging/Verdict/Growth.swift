/// What the daemon's process uses at one moment.
package struct Usage: Sendable, Equatable {
    package var process: Int32
    /// Memory of its own, without what is read from files.
    package var kibibytes: Int
    package var descriptors: Int
    package var threads: Int

    package init(process: Int32, kibibytes: Int, descriptors: Int, threads: Int) {
        (self.process, self.kibibytes) = (process, kibibytes)
        (self.descriptors, self.threads) = (descriptors, threads)
    }

    /// The least of each: all go up and down with what is under way.
    package static func least(_ samples: [Usage]) -> Usage? {
        guard var least = samples.last else { return nil }
        for sample in samples where sample.process == least.process {
            least.kibibytes = min(least.kibibytes, sample.kibibytes)
            least.descriptors = min(least.descriptors, sample.descriptors)
            least.threads = min(least.threads, sample.threads)
        }
        return least
    }
}

/// How much more the process that is there at the end uses than after its warm-up.
package struct Growth: Sendable, Equatable {
    /// Acts of a process that count as its warm-up.
    package static let warmUp = 3
    /// With fewer acts after that nothing is judged, and the run fails.
    package static let fewestActs = 3
    /// More than what a heap keeps at random.
    package static let allowedKibibytes = 4096
    /// Connections to the API server come and go; something that is never closed is soon more.
    package static let allowedDescriptors = 3
    /// Pools of threads grow with what is done at the same time, and shrink late.
    package static let allowedThreads = 4

    package var acts: Int
    package var kibibytes: Int
    package var descriptors: Int
    package var threads: Int

    /// Nil after too few acts.
    ///
    /// - Parameters:
    ///   - samples: after each act, of all processes in turn.
    ///   - settled: at the end, when nothing is under way any more.
    package init?(_ samples: [Usage], settled: Usage) {
        let own = samples.filter { $0.process == settled.process }
        guard own.count >= Self.warmUp + Self.fewestActs else { return nil }
        let before = own[Self.warmUp - 1]
        acts = own.count - Self.warmUp
        kibibytes = settled.kibibytes - before.kibibytes
        descriptors = settled.descriptors - before.descriptors
        threads = settled.threads - before.threads
    }

    /// Whether so many acts of a process are enough.
    package static func isEnough(_ acts: Int) -> Bool { acts >= warmUp + fewestActs }

    /// What has grown too much.
    var faults: [String] {
        var faults: [String] = []
        if kibibytes > Self.allowedKibibytes { faults.append("memory grown") }
        if descriptors > Self.allowedDescriptors { faults.append("descriptors grown") }
        if threads > Self.allowedThreads { faults.append("threads grown") }
        return faults
    }
}
