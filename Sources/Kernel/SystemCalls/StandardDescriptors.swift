import Glibc
package import SystemPackage

/// Standard input, output and error of a program whose caller has closed them: what is opened next would take their
/// numbers, and text would go there.
package enum StandardDescriptors {
    /// To be called before anything is opened. They stay unusable: reading and writing fail with `EBADF`.
    package static func reserve() {
        for number in [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO]
        where fcntl(number, F_GETFD) < 0 {
            let mode = number == STDIN_FILENO ? O_WRONLY : O_RDONLY
            // Takes the lowest number that is free.
            let opened = unsafe open("/dev/null", mode)
            if opened >= 0, opened != number { close(opened) }
        }
    }

    /// Writes the whole text to standard output. One that is full and does not block, as who made it may have asked for, is
    /// waited for.
    package static func print(_ text: String) throws(Errno) {
        var rest = ArraySlice(text.utf8)
        while !rest.isEmpty {
            do throws(Errno) {
                let written = try Errno.only {
                    // The buffer is valid during the call that it is passed to.
                    try unsafe rest.withUnsafeBytes {
                        try unsafe FileDescriptor.standardOutput.write($0)
                    }
                }
                rest = rest.dropFirst(written)
            } catch {
                guard error == .wouldBlock else { throw error }
                var output = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
                unsafe poll(&output, 1, -1)
            }
        }
    }
}
