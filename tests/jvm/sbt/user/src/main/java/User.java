public final class User {
    private User() {}

    public static void main(String[] words) {
        System.out.println(com.acme.Summing.text());
    }
}
