// Cargo tells two checkouts that share a target folder apart by nothing but the times of their
// files. WEFT_CHECKOUT, the path of the checkout, makes a build in another one start anew.
fn main() {
    println!("cargo::rerun-if-env-changed=WEFT_CHECKOUT");
}
