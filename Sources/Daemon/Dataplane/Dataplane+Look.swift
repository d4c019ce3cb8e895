package import Addressing
package import DataplaneModel
package import Planning

/// What the dataplane's periodic look at the kernel found.
package struct DataplaneLook: Sendable {
    /// Why due work could not be done.
    package var dueWorkError: DataplaneError?
    /// Why drift could not be looked for.
    package var driftError: DataplaneError?
    package var hasDrifted = false
    /// What of the node changed, and with it the plan.
    package var changedFacts: [NodeFacts.Part] = []
    /// The host has another name than at the start, which this node keeps; nil if it has not, or the name is
    /// configured.
    package var otherName: String?
    /// Why they could not be read.
    package var addressesError: DataplaneError?
    /// The lock of legacy tables, for which something was left undone, is free.
    package var isUnlocked = false
    /// What the socket programs have at their disposal, where that is known.
    package var socketUses: [IPFamily: SocketUse] = [:]
}

extension Dataplane {
    /// For how long at most announcements are not waited for.
    private static let deafness = Duration.seconds(1)
    /// Between looks at least, where everything is announced.
    private static let rest = Duration.seconds(10)
    /// Between looks at the lock of legacy tables while work waits for it: nothing announces its release where the
    /// program that held it goes on.
    private static let lockInterval = Duration.milliseconds(200)

    /// When the next look of a watch is due.
    struct WatchRhythm {
        let interval: Duration
        var last = ContinuousClock.now
        var due = ContinuousClock.now
        /// When what the node knows about itself is looked at without an announcement.
        var factsDue = ContinuousClock.now
        var wasAnnounced = false
    }

    /// Calls `report` when `look` would find something: when the kernel announces a change, and otherwise
    /// within `interval`. Does the work that has become due. Returns when the task is cancelled; for one
    /// task.
    ///
    /// While there is nothing to report it costs no thread's time but the dataplane's own. After an
    /// announcement it is deaf to more for a second, so that another program that changes the kernel all the
    /// time does not keep it busy.
    package func watch(
        every interval: Duration,
        _ report: @escaping @Sendable () -> Void
    ) async {
        await withTaskCancellationHandler {
            var rhythm = WatchRhythm(interval: interval)
            let first = nextWait(&rhythm)
            watchRhythm = rhythm
            await withCheckedContinuation { ended in
                thread.watch(first, ended) { [self] wasSeen in
                    assumeIsolated { $0.stepOfWatch(wasSeen, report) }
                }
            }
        } onCancel: {
            thread.endWatch()
        }
    }

    private func stepOfWatch(
        _ wasAnnounced: Bool,
        _ report: @Sendable () -> Void
    ) -> DataplaneThread.Wait {
        var rhythm = watchRhythm
        rhythm.wasAnnounced = wasAnnounced
        if wasAnnounced || rhythm.due <= .now {
            rhythm.last = .now
            let factsAreDue = wasAnnounced || rhythm.factsDue <= .now || host.announcements == nil
            if factsAreDue { rhythm.factsDue = .now + Self.rest }
            if mayHaveNews(facts: factsAreDue) { report() }
        } else if isUnlocked {
            report()
        }
        let next = nextWait(&rhythm)
        watchRhythm = rhythm
        return next
    }

    private func nextWait(_ rhythm: inout WatchRhythm) -> DataplaneThread.Wait {
        let complete = completeAnnouncements
        let interval = rhythm.interval
        rhythm.due = rhythm.last + (complete == nil ? interval : max(interval, Self.rest))
        var limit = max(.zero, rhythm.due - .now)
        var announcements = complete ?? dataplanes.flatMap(\.announcements)
        // Also while nothing is listened to yet.
        if rhythm.wasAnnounced { announcements = [] }
        if announcements.isEmpty { limit = min(limit, Self.deafness) }
        if complete == nil, !rhythm.wasAnnounced { announcements += host.announcements ?? [] }
        if isLockedOut { limit = min(limit, Self.lockInterval) }
        return DataplaneThread.Wait(descriptors: announcements, limit: limit)
    }

    /// Whether what waits for the lock of legacy tables can go on. The lock is looked at only then.
    private var isUnlocked: Bool { isLockedOut && host.isLockFree() }

    /// Whether `look` would find something, or fail; `facts` says whether also in what the node knows about itself.
    /// Leaves it to be found.
    private func mayHaveNews(facts: Bool) -> Bool {
        if isUnlocked { return true }
        do throws(DataplaneError) {
            try attend()
            if try hasDrifted() { return true }
        } catch {
            return true
        }
        return facts && mayHaveOtherFacts
    }

    /// Does the work that has become due, and looks for drift and for changed addresses of the node: all in
    /// one call, because each is two changes of threads.
    package func look() -> DataplaneLook {
        var look = DataplaneLook()
        do throws(DataplaneError) {
            try attend()
        } catch {
            look.dueWorkError = error
        }
        do throws(DataplaneError) {
            look.hasDrifted = try hasDrifted()
        } catch {
            look.driftError = error
        }
        do throws(DataplaneError) {
            let before = facts
            if try addressesChanged() { look.changedFacts = facts.changes(from: before) }
        } catch {
            look.addressesError = error
        }
        look.otherName = otherName
        look.isUnlocked = isUnlocked
        if look.isUnlocked { isLockedOut = false }
        look.socketUses = socketUses()
        return look
    }
}
