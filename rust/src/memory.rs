//! Runs work that nobody has vouched for with bounds on its memory and its stack.
//!
//! Code that asks for memory takes it for granted: an allocator that refuses ends the program, and
//! it may not unwind. So a thread that asks for more than its bound stops where it stands and never
//! goes on, and what it holds is lost. Whoever started it is told, and should not start the same
//! work again. While such work holds a lock that others want, it must not allocate.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::Builder;

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Of the stack, for what a thread does when it stops.
const LAST_STACK_BYTES: usize = 128 << 10;

thread_local! {
    /// Of a thread that is bounded: whom to tell, the bytes that it may still ask for, and the lowest
    /// address of its stack at which it may ask.
    static PROGRESS: Cell<*const Progress> = const { Cell::new(ptr::null()) };
    static LEFT: Cell<usize> = const { Cell::new(0) };
    static STACK_END: Cell<usize> = const { Cell::new(0) };
}

/// Where the stack is; it grows downwards.
#[inline(always)]
fn stack_address() -> usize {
    let here = 0u8;
    std::hint::black_box(ptr::from_ref(&here)).addr()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    Done,
    Stopped,
}

struct Progress {
    state: Mutex<State>,
    changed: Condvar,
}

impl Progress {
    fn set(&self, state: State) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
        self.changed.notify_all();
    }

    fn wait(&self) -> State {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = self.changed.wait_while(state, |state| *state == State::Running);
        *ended.unwrap_or_else(PoisonError::into_inner)
    }
}

/// The bound of this thread, which ends when the work is over, by a panic too.
struct Bound(Arc<Progress>);

impl Bound {
    fn begin(progress: Arc<Progress>, stack_bytes: usize, bytes: usize) -> Self {
        STACK_END.set(stack_address() - stack_bytes + LAST_STACK_BYTES);
        LEFT.set(bytes);
        PROGRESS.set(Arc::as_ptr(&progress));
        Self(progress)
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        PROGRESS.set(ptr::null());
        self.0.set(State::Done);
    }
}

/// What `work` returns, run on a thread with a stack of `stack_bytes`; nothing where it needed more
/// than `bytes` of memory besides, or asked for memory when the stack was nearly used up: what
/// recurses without end and allocates is stopped. An error where the system gives no thread.
pub fn bounded<T: Send + 'static>(
    stack_bytes: usize,
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> std::io::Result<Option<T>> {
    let progress =
        Arc::new(Progress { state: Mutex::new(State::Running), changed: Condvar::new() });
    let of_thread = Arc::clone(&progress);
    let thread = Builder::new().stack_size(stack_bytes).spawn(move || {
        let _bound = Bound::begin(of_thread, stack_bytes, bytes);
        work()
    })?;
    match progress.wait() {
        State::Stopped => Ok(None),
        _ => Ok(Some(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))),
    }
}

fn charge(bytes: usize) {
    let progress = PROGRESS.get();
    if progress.is_null() {
        return;
    }
    let has_stack = stack_address() >= STACK_END.get();
    match LEFT.get().checked_sub(bytes) {
        Some(left) if has_stack => LEFT.set(left),
        // A panic holds locks of the standard library while it is reported.
        _ if std::thread::panicking() => LEFT.set(0),
        _ => {
            PROGRESS.set(ptr::null()); // what follows may allocate
                                       // SAFETY: `Bound` keeps it until this thread's work ends, which it never does now.
            unsafe { &*progress }.set(State::Stopped);
            loop {
                std::thread::park();
            }
        }
    }
}

fn give_back(bytes: usize) {
    LEFT.set(LEFT.get().saturating_add(bytes));
}

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        charge(layout.size());
        System.alloc(layout)
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        charge(layout.size());
        System.alloc_zeroed(layout)
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        give_back(layout.size());
        System.dealloc(memory, layout);
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, new_bytes: usize) -> *mut u8 {
        charge(new_bytes);
        give_back(layout.size());
        System.realloc(memory, layout, new_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hint::black_box;

    const STACK: usize = 1 << 20;

    #[test]
    fn what_fits_is_done() {
        let in_turn = || (0..100).map(|_| black_box(vec![1u8; 900]).len()).sum::<usize>();
        assert_eq!(bounded(STACK, 1000, in_turn).unwrap(), Some(90_000));
        let grown = || (0..500u16).collect::<Vec<u16>>().len();
        assert_eq!(bounded(STACK, 2000, grown).unwrap(), Some(500));
    }

    #[test]
    fn what_does_not_fit_is_stopped() {
        // A vector that nobody looks at is not allocated by optimised code.
        assert_eq!(bounded(STACK, 1000, || black_box(vec![1u8; 1001]).len()).unwrap(), None);
        assert_eq!(bounded(STACK, 1000, || black_box(vec![0u8; 1001]).len()).unwrap(), None);
        let growing = || {
            let mut text = String::new();
            loop {
                text.push('x');
                black_box(&text);
            }
        };
        assert_eq!(bounded(STACK, 1000, growing).unwrap(), None::<()>);
        assert_eq!(vec![1u8; 5000].len(), 5000); // this thread has no bound
    }

    #[test]
    fn endless_recursion_is_stopped() {
        fn deeper(texts: &[String]) -> usize {
            if texts.len() > black_box(1) {
                return 0;
            }
            deeper(&[black_box(String::from("x"))]) + black_box(texts).len()
        }
        assert_eq!(bounded(STACK, 1 << 30, || deeper(&[])).unwrap(), None);
    }

    #[test]
    fn a_panic_is_passed_on() {
        let panicking = || bounded(STACK, 10_000, || panic!("on purpose"));
        assert!(std::panic::catch_unwind(panicking).is_err());
    }
}
